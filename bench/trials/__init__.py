"""What one network says under one attack and one defence."""
