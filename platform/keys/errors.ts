import { defineError } from "../core/index.ts";

export const keyNotUnwrapped = defineError({
  code: "NEB905",
  status: 500,
  title: "A key of the ledger cannot be unwrapped",
  retry: false,
  hint: "It was wrapped by another key-encryption key: give that one as NEBULA_MASTER_KEY_PREVIOUS_FILE too, or put the lost file back.",
});

export const masterKeyNeeded = defineError({
  code: "NEB906",
  status: 500,
  title: "The master key is needed",
  retry: false,
  hint: "Set NEBULA_MASTER_KEY_FILE to the file with the installation's master key (32 bytes in base64); a first start makes one by `openssl rand -base64 32`.",
});

export const kmsUnavailable = defineError({
  code: "NEB907",
  status: 503,
  title: "The key service does not answer",
  retry: true,
  hint: "Check NEBULA_VAULT_ADDR and the network to it. What runs goes on: keys are needed at a start and for rotation.",
});

export const kmsRefused = defineError({
  code: "NEB908",
  status: 502,
  title: "The key service refuses",
  retry: false,
  hint: "Check the token in NEBULA_VAULT_TOKEN_FILE and its policy: docs/secrets.md lists the paths it needs.",
});
