"""Instructions: one chapter a file; each is declared once (`x86/table.py`)."""
