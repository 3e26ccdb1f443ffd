-- Repositories on a Git host that is not our own: their webhook, the overlap of its secrets, and whether the host answers.

alter table repositories
  alter column bot_token_sealed drop not null,           -- null: the App's installation is all there is
  add column hook_id bigint,                             -- the webhook that we set up, as its host numbers it
  add column hook_url text,                              -- where it leads; null: none is wanted, the repository is polled
  add column hook_secret_old_sealed text,                -- accepted beside the newer one, see rotate-hook-secret.ts
  add column hook_secret_old_until timestamptz,          -- null beside an old secret: the host has not taken the new one yet
  add column host_state text not null default 'ok' check (host_state in ('ok', 'degraded')),
  add column host_code text,                             -- NEB68x: what the last pass met
  add column host_reason text,
  add column host_since timestamptz;                     -- when host_state changed
