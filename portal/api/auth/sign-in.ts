import { z } from "zod";
import { endByRefreshToken, refreshSession, sessionOver } from "../../../platform/identity/index.ts";
import { type SignIn, signInWithCode, signInWithPassword } from "../../auth/index.ts";
import type { Portal } from "../portal.ts";
import { json, nothing, route } from "../route.ts";
import {
  clientOf,
  cookie,
  email,
  type Keep,
  keep,
  limited,
  password,
  personToWire,
  refreshTokenIn,
  refused,
  secondFactor,
  sessionSchema,
  signedIn,
  tokensToWire,
} from "./shared.ts";

const publicly = { method: "post", scope: "public", target: "own", secret: true } as const;

/** From who somebody says to be to a session, and its end. Answers and times do not tell which accounts there are. */
export const signInRoutes = [
  route({
    ...publicly,
    path: "/api/v1/auth/login",
    operationId: "auth.login",
    summary: "Sign in with e-mail and password",
    description: "One answer for a wrong password, an unknown account and one that cannot sign in.",
    body: z.strictObject({ email, password, keep }),
    replies: { 200: json("A session, or the demand for the second factor", z.union([signedIn, secondFactor])) },
  }).handle(async ({ body, request, note }, portal) => {
    const ending = await signInWithPassword(portal.auth, body, clientOf(request));
    return begun(ending, body.keep, portal, note);
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/mfa",
    operationId: "auth.mfa",
    summary: "Finish a sign-in with the second factor",
    body: z.strictObject({
      mfaToken: z.string().max(200),
      code: z.string().min(6).max(64).describe("Six digits of the authenticator, or a recovery code."),
      keep,
    }),
    replies: { 200: json("A session", signedIn) },
  }).handle(async ({ body, request, note }, portal) => {
    const ending = await signInWithCode(portal.auth, body, clientOf(request));
    const answer = begun(ending, body.keep, portal, note);
    if (answer.body.status !== "signed-in") throw refused();
    return { ...answer, body: answer.body };
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/refresh",
    operationId: "auth.refresh",
    summary: "Exchange a refresh token for the next tokens",
    description:
      "A refresh token works once. The same client may repeat its last exchange within seconds and gets the same refresh " +
      "token; any other second use ends the session.",
    body: z.strictObject({ refreshToken: z.string().max(200).optional().describe("Default: the one in the cookie.") }),
    replies: { 200: json("The next tokens", sessionSchema) },
  }).handle(async ({ body, request, note }, portal) => {
    const fromCookie = body.refreshToken === undefined;
    const ending = await refreshSession(
      portal.auth.identity,
      body.refreshToken ?? refreshTokenIn(request) ?? "",
      clientOf(request),
    );
    if (ending.kind === "reused") {
      portal.observe({ kind: "auth.reuse", session: ending.sessionId });
      note({ actor: ending.userId, resource: ending.sessionId, details: { ended: "refresh token came twice" } });
    }
    if (ending.kind !== "refreshed") throw sessionOver("this refresh token opens nothing");
    const { body: tokens, headers } = tokensToWire(ending.tokens, fromCookie ? "cookie" : "token", portal);
    return { status: 200, body: tokens, headers };
  }),

  route({
    ...publicly,
    path: "/api/v1/auth/logout",
    operationId: "auth.logout",
    summary: "End the session of a refresh token",
    description: "Its access tokens stop working too. Whatever the token was, it is worth nothing afterwards.",
    body: z.strictObject({ refreshToken: z.string().max(200).optional().describe("Default: the one in the cookie.") }),
    replies: { 204: nothing("It opens nothing any more") },
  }).handle(async ({ body, request }, portal) => {
    const text = body.refreshToken ?? refreshTokenIn(request) ?? "";
    const ended = await endByRefreshToken(portal.auth.identity, text);
    return {
      status: 204,
      body: undefined,
      headers: { "set-cookie": cookie("", 0, portal) },
      ...(ended === undefined ? {} : { trail: { actor: ended.userId, resource: ended.sessionId } }),
    };
  }),
];

type Note = (trail: { readonly actor?: string; readonly resource?: string }) => void;

/** A sign-in as an answer. @throws NEB665, NEB666 */
export function begun(ending: SignIn, keeping: Keep, portal: Portal, note: Note) {
  if (ending.kind === "limited") throw limited(ending);
  const actor = ending.user?.email ?? ending.user?.id;
  if (ending.kind === "refused") {
    note({ actor: actor ?? "anonymous" });
    throw refused();
  }
  const trail = actor === undefined ? {} : { actor };
  if (ending.kind === "second-factor") {
    const { challenge, seconds } = ending;
    return {
      status: 200 as const,
      body: {
        status: "second-factor" as const,
        mfaToken: challenge.reveal(),
        methods: ["totp" as const, "recovery-code" as const],
        expiresInSeconds: seconds,
      },
      headers: {},
      trail: { ...trail, details: { secondFactor: "needed" } },
    };
  }
  const { body, headers } = tokensToWire(ending.tokens, keeping, portal);
  return {
    status: 200 as const,
    body: { status: "signed-in" as const, person: personToWire(ending.user), ...body },
    headers,
    trail: { ...trail, resource: body.sessionId },
  };
}
