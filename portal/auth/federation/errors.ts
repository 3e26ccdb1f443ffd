import { defineError } from "../../../platform/core/index.ts";

export const providerUnknown = defineError({
  code: "NEB635",
  status: 404,
  title: "No such sign-in provider",
  retry: false,
  hint: "GET /api/v1/auth/providers lists them; the operator adds one by NEBULA_OIDC_PROVIDERS or NEBULA_GITHUB_SIGN_IN.",
});

export const providerUnavailable = defineError({
  code: "NEB636",
  status: 502,
  title: "The sign-in provider does not work",
  retry: true,
  hint: "Try again; if it stays, the operator checks the provider's address and this installation's client id and secret.",
});

export const foreignSignInRefused = defineError({
  code: "NEB637",
  status: 401,
  title: "The sign-in elsewhere was not accepted",
  retry: false,
  hint: "Begin again, in the browser that is to be signed in, and finish within ten minutes.",
});

export const identityNotLinked = defineError({
  code: "NEB638",
  status: 403,
  title: "No account belongs to this identity",
  retry: false,
  hint: "With an account: sign in to it another way, then `nebula account link`. Without: ask an administrator for an invitation.",
});

export const passkeyRefused = defineError({
  code: "NEB639",
  status: 401,
  title: "Passkey refused",
  retry: false,
  hint: "It is not known here, was removed, or took too long; sign in another way and look at `nebula account passkeys`.",
});
