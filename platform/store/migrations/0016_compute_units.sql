-- Sizes that move: what an awake database has between its min and its max, as last seen.

alter table instances
  add column compute_units double precision,     -- null: it is not awake, or was never looked at
  add column compute_enforced boolean;           -- whether its machine holds it to them
