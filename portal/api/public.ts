/**
 * The routes that answer anybody, and why each may. A route with the scope "public" that does not stand here fails the tests
 * and `tools/roles-doc.ts`; nothing else is open.
 */
export const publicRoutes: Readonly<Record<string, string>> = {
  "health.status": "How the platform is, for its users: states, codes and what operators say; no name of a tenant's.",
  "health.statusPage": "The same, to read.",
  "health.livez": "A process manager asks whether the process lives.",
  "health.readyz":
    "A load balancer asks whether to send requests here, and an operator why not: codes and titles only.",
  "health.live": "A process manager asks whether the process lives, before anything else works.",
  "health.ready": "A load balancer asks whether to send requests here; it says nothing but that.",
  "health.metrics": "Prometheus scrapes it on the inside network; it holds counts, never a tenant's name or data.",
  "reference.document": "What the API is, is no secret.",
  "reference.page": "The same, to read.",
  "dataApi.access":
    "The gateway asks whom a key speaks for; its own secret, out of the data folder, is the credential.",
  "buckets.access":
    "The gateway asks what a key may do with files; its own secret, out of the data folder, is the credential.",
  "payments.event": "Stripe's webhook: its signature over the body, and that it is for our account, is the credential.",
  "auth.jwks": "Public keys, to verify access tokens with.",
  "auth.setup": "The one-time token that the first administrator has is the credential.",
  "auth.login": "Signing in: limited by account and address, one answer for known and unknown accounts.",
  "auth.mfa": "The second step of signing in: the challenge of the first step is the credential.",
  "auth.refresh": "The refresh token is the credential.",
  "auth.logout": "The refresh token is the credential.",
  "auth.register": "Where registration is open or by invitation; one answer for known and unknown addresses.",
  "auth.verify": "The token that came by mail is the credential.",
  "auth.forgot": "Sends a mail or not, and answers the same either way.",
  "auth.reset": "The token that came by mail is the credential.",
  "auth.providers": "Which buttons a sign-in page shows.",
  "auth.oidcStart": "Sends a browser to the provider; bound to that browser by a cookie.",
  "auth.oidcCallback": "The provider's answer, with the cookie of the browser that left, is the credential.",
  "auth.githubStart": "Sends a browser to GitHub; bound to that browser by a cookie.",
  "auth.githubCallback": "GitHub's answer, with the cookie of the browser that left, is the credential.",
  "auth.exchange":
    "The code that a command's own port got, with the secret that never left the command, is the credential.",
  "auth.passkeyChallenge": "A challenge to sign; the same for known and unknown people.",
  "auth.passkeySignIn": "What the passkey signed is the credential; limited by address.",
};
