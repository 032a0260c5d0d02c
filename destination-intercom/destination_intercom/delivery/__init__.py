"""The scheduler, the ledger of records and states, the mailbox, the report and the dry run. Knows no kind of object."""
