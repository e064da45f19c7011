"""Stands in for NVIDIA's `tritonclient` where it can't be installed: the same names, and behind them the same messages, channel options
and calls, written from its published source. Only what its users need for Headwater is here."""
