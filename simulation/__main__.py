"""``python -m simulation``: fresh seeds, one seed again, the smallest script, a test of it."""

from . import surroundings

surroundings.install()

from .command import main  # noqa: E402 - time and chance are taken over first

if __name__ == "__main__":
    main()
