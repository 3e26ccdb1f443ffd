import { z } from "zod";
import { oneTimeTokenRefused, registrationClosed } from "../../../platform/identity/index.ts";
import { askForMail, type Opened, openAccount, resetPassword, setUp } from "../../auth/index.ts";
import type { Portal } from "../portal.ts";
import { json, nothing, route } from "../route.ts";
import {
  clientOf,
  email,
  type Keep,
  keep,
  limited,
  oneTimeToken,
  password,
  personName,
  personToWire,
  signedIn,
  tokensToWire,
} from "./shared.ts";

const publicly = { method: "post", scope: "public", target: "own", secret: true } as const;

/** How accounts begin, and how a lost password is replaced. */
export const registrationRoutes = [
  route({
    ...publicly,
    path: "/api/v1/auth/setup",
    operationId: "auth.setup",
    summary: "Make the first administrator's account",
    description:
      "With the one-time token that `nebula up` prints at its first start; void once there is an administrator.",
    body: z.strictObject({ token: oneTimeToken, email, name: personName, password, keep }),
    replies: { 201: json("The account, signed in", signedIn) },
  }).handle(async ({ body, request }, portal) =>
    opened(await setUp(portal.auth, body, clientOf(request)), body.keep, portal),
  ),

  route({
    ...publicly,
    path: "/api/v1/auth/register",
    operationId: "auth.register",
    summary: "Ask for an account",
    description:
      "Sends a token to the mailbox; the account exists once it was shown with a password. The answer is the same when " +
      "there is an account already: then the mail says so.",
    body: z.strictObject({ email, name: personName.optional() }),
    replies: { 202: nothing("Look into the mailbox") },
  }).handle(async ({ body, request }, { auth }) => {
    if (auth.registration !== "open")
      throw registrationClosed(
        `registration is ${auth.registration} here`,
        auth.registration === "closed"
          ? { hint: "Nobody is invited either while it is closed: an administrator opens it (NEBULA_REGISTRATION)." }
          : {},
      );
    const { email, name } = body;
    const job = { kind: "register", email, ...(name === undefined ? {} : { name }) } as const;
    const asked = await askForMail(auth, job, clientOf(request));
    if (asked.kind === "limited") throw limited(asked);
    return { status: 202, body: undefined };
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/verify",
    operationId: "auth.verify",
    summary: "Prove the mailbox, choose a password, sign in",
    description: "With the token of a registration or an invitation.",
    body: z.strictObject({ token: oneTimeToken, name: personName.optional(), password, keep }),
    replies: { 201: json("The account, signed in", signedIn) },
  }).handle(async ({ body, request }, portal) => {
    const given = { token: body.token, name: body.name, password: body.password };
    return opened(await openAccount(portal.auth, given, clientOf(request)), body.keep, portal);
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/password/forgot",
    operationId: "auth.forgot",
    summary: "Ask for a new password",
    description: "Sends a token to the mailbox of an account; the answer is the same without one.",
    body: z.strictObject({ email }),
    replies: { 202: nothing("Look into the mailbox") },
  }).handle(async ({ body, request }, { auth }) => {
    const asked = await askForMail(auth, { kind: "reset", email: body.email }, clientOf(request));
    if (asked.kind === "limited") throw limited(asked);
    return { status: 202, body: undefined };
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/password/reset",
    operationId: "auth.reset",
    summary: "Set a new password with the token of a mail",
    description: "Ends every session of the account. Sign in afterwards; a second factor is still asked for.",
    body: z.strictObject({ token: oneTimeToken, password }),
    replies: { 204: nothing("The new password is in force") },
  }).handle(async ({ body, request }, { auth }) => {
    const ending = await resetPassword(auth, body, clientOf(request));
    if (ending.kind === "limited") throw limited(ending);
    if (ending.kind === "refused") throw oneTimeTokenRefused("this token sets no password");
    return { status: 204, body: undefined, trail: { actor: ending.user.email ?? ending.user.id } };
  }),
];

/** @throws NEB666, NEB670 */
function opened(ending: Opened, keeping: Keep, portal: Portal) {
  if (ending.kind === "limited") throw limited(ending);
  if (ending.kind === "refused") throw oneTimeTokenRefused("this token makes no account");
  const { body, headers } = tokensToWire(ending.tokens, keeping, portal);
  return {
    status: 201 as const,
    body: { status: "signed-in" as const, person: personToWire(ending.user), ...body },
    headers,
    trail: { actor: ending.user.email ?? ending.user.id, resource: ending.user.id },
  };
}
