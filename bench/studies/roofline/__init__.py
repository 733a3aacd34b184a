"""Networks in every session and precision, in pairs against eager fp32."""
