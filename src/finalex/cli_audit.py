"""The command line's part of the audit log: what an operator changed."""

import os
import sys

from finalex.audit.entries import encode_entry
from finalex.audit.file import AuditFile
from finalex.clock import now_ms
from finalex.config import Config
from finalex.settings.places import IN_MEMORY


def record_change(config: Config, event: str, **fields: object) -> None:
    """Record what was changed, and by which user of this machine; what was done counts even if that fails."""
    if not config.audit_log or config.data_dir == IN_MEMORY or not config.data_dir.is_dir():
        return
    line = encode_entry(event, now_ms(), {**fields, "by": f"uid {os.getuid()}"})
    try:
        AuditFile(config.data_dir, config.audit_log_bytes_max).add([line])
    except OSError as error:
        sys.stdout.flush()
        print(f"finalex: This is not in the audit log: {error.strerror}.", file=sys.stderr)
