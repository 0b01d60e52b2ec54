"""The operator's surfaces over one command set: the command line and the pages."""
