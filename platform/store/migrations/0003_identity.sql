-- People and how they sign in. What they may do is not here: members stand in tenant.ts (fleets), API keys in principals.

create table users (
  id text primary key,                                   -- usr_...
  kind text not null default 'person' check (kind in ('person', 'service')),
  email text unique check (email = lower(email)),        -- null: a service account
  name text not null,
  password_hash text,                                    -- argon2id, PHC string; null: signs in elsewhere, or never
  email_verified_at timestamptz,                         -- null: the e-mail proves nothing
  platform_admin boolean not null default false,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  check (kind = 'service' or email is not null)
);

create table user_identities (                           -- accounts elsewhere that sign in as a user
  provider text not null,                                -- oidc:<issuer>, github or forge
  subject text not null,                                 -- the provider's unchanging id, never a name
  user_id text not null references users (id) on delete cascade,
  login text,                                            -- how the provider shows it
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  primary key (provider, subject)
);
create index user_identities_by_user on user_identities (user_id);

create table passkeys (
  credential_id text primary key,                        -- base64url, as WebAuthn gives it
  user_id text not null references users (id) on delete cascade,
  name text not null,
  public_key bytea not null,
  counter bigint not null default 0,
  transports text[] not null default '{}',
  backed_up boolean not null default false,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index passkeys_by_user on passkeys (user_id);

create table totp_factors (
  user_id text primary key references users (id) on delete cascade,
  secret_sealed text not null,                           -- vault context: totp:<user>
  confirmed_at timestamptz,                              -- null: shown, not in force yet
  last_step bigint not null default 0,                   -- codes of this 30-second step and of those before are used up
  created_at timestamptz not null default now()
);

create table recovery_codes (
  user_id text not null references users (id) on delete cascade,
  code_hash bytea not null,                              -- SHA-256 of 100 random bits
  used_at timestamptz,
  primary key (user_id, code_hash)
);

create table sessions (                                  -- one sign-in on one device, and the family of its refresh tokens
  id text primary key,                                   -- ses_...
  user_id text not null references users (id) on delete cascade,
  amr text[] not null,                                   -- how it was begun, RFC 8176: pwd, otp, hwk...
  address text,
  user_agent text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  idle_expires_at timestamptz not null,                  -- pushed back by each refresh
  expires_at timestamptz not null,                       -- never pushed back
  ended_at timestamptz,
  ended_reason text                                      -- signed-out, everywhere, reuse, password, disabled
);
create index sessions_by_user on sessions (user_id, last_used_at desc);
create index sessions_expiring on sessions (least(idle_expires_at, expires_at));

create table refresh_tokens (                            -- at most one of a session is unused
  id text primary key,                                   -- the public part of ndr_<id>_<secret>
  session_id text not null references sessions (id) on delete cascade,
  secret_hash bytea not null,
  created_at timestamptz not null default now(),
  used_at timestamptz,
  successor text                                         -- id of the token it was exchanged for
);
create index refresh_tokens_by_session on refresh_tokens (session_id);

create table signing_keys (
  id text primary key,                                   -- the JWT's kid
  public_jwk jsonb not null,
  private_sealed text,                                   -- PKCS #8, vault context: signing-key:<id>; null: verifies only
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  verifies_until timestamptz,                            -- set with retired_at
  check ((retired_at is null) = (private_sealed is not null)),
  check ((retired_at is null) = (verifies_until is null))
);
create unique index signing_keys_current on signing_keys ((true)) where retired_at is null;

create table email_tokens (                              -- one-time tokens that reach a mailbox, and the first administrator's
  id text primary key,                                   -- the public part of nde_<id>_<secret>
  purpose text not null check (purpose in ('verify', 'reset', 'invite', 'first-admin')),
  secret_hash bytea not null,
  email text,                                            -- whose mailbox it went to; null: none (first-admin)
  user_id text references users (id) on delete cascade,  -- reset: whose password
  details jsonb not null default '{}',                   -- verify, invite: name, platformAdmin, invitedBy
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index email_tokens_by_email on email_tokens (email, purpose) where used_at is null;

create table sign_in_challenges (                        -- a sign-in that is half done: second factor, provider, passkey
  id text primary key,                                   -- the public part of ndm_<id>_<secret>
  kind text not null,                                    -- mfa, oidc, github, passkey
  secret_hash bytea not null,
  user_id text references users (id) on delete cascade,  -- null: not known yet
  details jsonb not null default '{}',
  attempts int not null default 0,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);

create table sign_in_attempts (                          -- what the limiter counts; a key is a hash, never an e-mail
  key text primary key,
  spent int not null,
  window_ends_at timestamptz not null
);

create table mail_jobs (                                 -- mails to write and send; a token is made when its mail is written
  id text primary key,                                   -- mail_...
  kind text not null,
  email text not null,
  params jsonb not null default '{}',
  attempts int not null default 0,
  run_after timestamptz not null default now(),
  created_at timestamptz not null default now()
);
create index mail_jobs_due on mail_jobs (run_after);
