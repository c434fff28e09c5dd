"""What all tests need of the process that runs them."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a job in the background ignores Ctrl-C, and its children would
    signal.signal(signal.SIGINT, signal.default_int_handler)
