"""Tables and figures: frozen records and arrays in, CSVs and pictures out. Opens no database."""
