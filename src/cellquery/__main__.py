"""`python -m cellquery`, the same command line as `cellquery`."""

from cellquery.cli.app import main

if __name__ == "__main__":
    main()
