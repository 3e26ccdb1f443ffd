-- Standbys of a database, as its machine was last seen to have them.

alter table instances
  add column standbys jsonb not null default '[]';   -- [{number, phase, streaming, synchronous, lagBytes, lagMs}], and how often one took over
alter table instances
  add column failovers integer not null default 0;
