import { defineError } from "../core/index.ts";

/** One answer for every reason: who guesses learns nothing about which accounts there are. */
export const signInRefused = defineError({
  code: "NEB665",
  status: 401,
  title: "Sign-in refused",
  retry: false,
  hint: "E-mail, password or code is wrong, or the account cannot sign in. `nebula account forgot` sends a way back in.",
});

export const tooManyAttempts = defineError({
  code: "NEB666",
  status: 429,
  title: "Too many sign-in attempts",
  retry: true,
  hint: "Wait for the seconds in Retry-After; an account is held for a quarter of an hour, for everybody who tries it.",
});

export const sessionOver = defineError({
  code: "NEB667",
  status: 401,
  title: "The session is over",
  retry: false,
  hint: "Sign in again: it was signed out, is too old, or its refresh token was used by somebody else.",
});

export const personNeeded = defineError({
  code: "NEB668",
  status: 403,
  title: "This needs a signed-in person",
  retry: false,
  hint: "API keys do not manage accounts: sign in with `nebula login --email`.",
});

export const weakPassword = defineError({
  code: "NEB669",
  status: 422,
  title: "Choose another password",
  retry: false,
  hint: "At least 12 characters, none of the well-known ones, not your e-mail; a few words in a row are good.",
});

export const oneTimeTokenRefused = defineError({
  code: "NEB670",
  status: 401,
  title: "One-time token refused",
  retry: false,
  hint: "It was used, is too old, or a newer mail replaced it: ask for another one.",
});

export const registrationClosed = defineError({
  code: "NEB671",
  status: 403,
  title: "Registration is not open",
  retry: false,
  hint: "Ask an administrator for an invitation (`nebula user invite`).",
});

export const accountState = defineError({
  code: "NEB672",
  status: 409,
  title: "Not possible with this account",
  retry: false,
  hint: "`nebula account show` tells what the account has.",
});
