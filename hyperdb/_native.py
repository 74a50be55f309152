"""The one door to the compiled module.

Nobody else imports `hyperdb._core`: tools that read imports cannot see into a compiled module, and one door is easy to guard.
"""

from hyperdb._core import __version__ as VERSION  # noqa: N812

__all__ = ["VERSION"]
