"""`python -m lstm` is the command `lstm`."""

from lstm.command import main

if __name__ == "__main__":
    main()
