"""One folder is one question: `measure.py` makes rows, `page.py` makes the page of them."""
