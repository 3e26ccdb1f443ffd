import { defineError } from "../core/index.ts";

export const tokenMissing = defineError({
  code: "NEB660",
  status: 401,
  title: "No token",
  retry: false,
  hint: "Send `Authorization: Bearer ndb_...`; the first administrator's token is in <data>/secrets/admin-token.",
});

export const tokenRefused = defineError({
  code: "NEB661",
  status: 401,
  title: "Token refused",
  retry: false,
  hint: "The token is mistyped, revoked or expired: ask an administrator for a new one (`nebula login` stores it).",
});

export const scopeMissing = defineError({
  code: "NEB662",
  status: 403,
  title: "Not allowed",
  retry: false,
  hint: "Ask somebody whose role holds the named scope (docs/roles.md), or a domain-admin for such a role.",
});

export const roleTooHigh = defineError({
  code: "NEB663",
  status: 403,
  title: "A token may not grant more than its maker has",
  retry: false,
  hint: "Choose a role and a reach inside your own, or ask an administrator.",
});

export const outOfReach = defineError({
  code: "NEB673",
  status: 403,
  title: "Outside what you reach in this tenant",
  retry: false,
  hint: "Your role, or the key that you ask with, is of other projects or another database of this tenant.",
});

export const keyNotRotatable = defineError({
  code: "NEB674",
  status: 409,
  title: "This key cannot be rotated",
  retry: false,
  hint: "Only a key that works is rotated, and only once: rotate its successor (`nebula key list`), or make a new key.",
});

export const accountExists = defineError({
  code: "NEB675",
  status: 409,
  title: "The tenant has a service account of this name",
  retry: false,
  hint: "Choose another name, or delete that one first with all its keys.",
});

export const badGrant = defineError({
  code: "NEB664",
  status: 422,
  title: "This role needs another reach",
  retry: false,
  hint: "platform-admin has no tenant, domain-admin a tenant and no project; every other role has a tenant.",
});
