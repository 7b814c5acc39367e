"""One file is one sweep: what is asked, what varies, what is fixed, in which stages."""
