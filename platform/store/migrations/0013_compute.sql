-- Sleep: what an instance is at this moment, and the time that its memory was kept while nobody used it.

alter table instances add column compute_state text      -- as last seen; null: its server does not run, or was never looked at
  check (compute_state in ('awake', 'frozen', 'asleep'));

alter table usage_samples add column frozen_unit_ms numeric not null default 0;
