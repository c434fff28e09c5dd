"""The log on NATS JetStream: one stream, one writer at a time, any number of readers.

**A message** is an envelope around a record: consecutive batches, with the last sequence before them, checksums over
everything, and who wrote it. A stream's message sequences have no gaps, and neither have the batches' sequences: even
batches without events are stored, so the next writer goes on with the last sequence + 1, and nobody skips any.

**The writer** has one message under way; what is appended meanwhile forms the next. Each says after which message it
belongs (`Nats-Expected-Last-Sequence`), and JetStream stores it there or not at all. So a copy that arrives late, or
twice, changes nothing. When no answer comes, nobody knows whether the message is stored: the writer asks the stream's
leader what is in its place. Its own: done. Nothing: it sends the same bytes again. Another's: this writer is fenced,
because somebody else writes now; it never appends again, and what it has not stored never happened.

**Becoming the writer** is appending. Whoever finds the log silent for too long, or its last message marked as
`leaving`, appends an empty batch after the last message it read. Whoever gets in is the writer, and has read
everything before. No lock, lease or clock decides it.

**Readers** get each message when it is stored, by a subscription that may lose some, and ask for what is missing: after
a hole in the sequences, and after half a second of silence. They believe nothing without its checksums, and give
out nothing that does not follow on what they gave before.

**Versions.** A reader refuses an envelope of a later version than its own with a sentence that says so. New fields go
to the end of an event and are skipped by the release before; whatever that release cannot skip, a new kind of event
above all, needs the next version, which is written only once all readers know it.
"""
