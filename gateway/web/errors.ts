/** Faults of the data API's server. What a client did wrong is an answer in PostgREST's words: refusal.ts. */
import { defineError } from "../../platform/core/index.ts";

export const apiPortTaken = defineError({
  code: "NEB770",
  status: 500,
  title: "The data API's port is taken",
  retry: false,
  hint: "Stop the program that listens there, or choose another: NEBULA_GATEWAY_API_PORT, or nebula up --port N, which takes N+93 for it.",
});

export const keySetUnreadable = defineError({
  code: "NEB771",
  status: 503,
  title: "An issuer's public keys cannot be read",
  retry: true,
  hint: "Tokens of that issuer are refused until its address (api.jwt in the declaration) answers with a key set; keys that were read before stay in force for a day.",
});

export const tokenSecretUnfit = defineError({
  code: "NEB772",
  status: 422,
  title: "A secret cannot verify tokens",
  retry: false,
  hint: "Store one of 32 bytes or more under the name that api.jwt refers to (nebula secret set), then deploy again.",
});

export const keysUnchecked = defineError({
  code: "NEB773",
  status: 503,
  title: "An API key cannot be checked now",
  retry: true,
  hint: "The portal does not answer. Keys that were used within the last hour still open; others do when it is back.",
});

export const apiLoginMissing = defineError({
  code: "NEB774",
  status: 503,
  title: "The database has no login for its data API",
  retry: true,
  hint: "Deploy its project once more: the role and its key are made then.",
});
