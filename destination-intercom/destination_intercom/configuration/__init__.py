"""The form's sections, validated once, and the plan compiled from them and the catalog. No I/O, no records."""
