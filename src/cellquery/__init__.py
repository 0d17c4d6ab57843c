"""Wavelet networks and active learning for HEp-2 staining patterns."""

__version__ = "0.1.0"
