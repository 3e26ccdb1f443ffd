import { createHmac } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { beginSession, verifySession } from "../../platform/identity/index.ts";
import { catalogueRow } from "../harness/row.ts";
import { addPerson } from "../identity/people.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { type Forger, forgeries, partsOf } from "./forged-tokens.ts";

let portal: TestPortal;
beforeAll(async () => {
  portal = await startPortal();
});
afterAll(() => portal.close());

catalogueRow({
  suite: "attacks",
  name: "JWT forgeries",
  promise: "no forged access token opens anything",
  n: { small: 40, large: 40 },
  async run({ n, random, guarded }) {
    const forger = await makeForger();
    const verify = guarded ? throughTheDoor : asTheTokenSays;
    const violations: string[] = [];
    const kinds = random.shuffle(Object.entries(forgeries)).slice(0, guarded ? undefined : n);
    for (const [kind, forge] of kinds) {
      const token = await forge(forger, partsOf(forger.good));
      // What is wrong with a forgery is what its name says: the token that it was made of is good.
      if (!(await verify(forger, forger.good))) violations.push(`the good token was refused before: ${kind}`);
      if (await verify(forger, token)) violations.push(`accepted: ${kind}`);
    }
    return { trials: kinds.length, violations };
  },
  control: { without: "the fixed algorithm, claims and header", n: 60 },
});

async function makeForger(): Promise<Forger> {
  const [user, stranger] = [await addPerson(portal), await addPerson(portal)];
  const from = { address: "127.0.0.1", agent: "test", amr: ["pwd"] };
  const [own, theirs] = [
    await beginSession(portal.identity, user, from),
    await beginSession(portal.identity, stranger, from),
  ];
  const [publicJwk] = (await portal.identity.keys.jwks()).keys;
  return {
    identity: portal.identity,
    good: own.accessToken.reveal(),
    other: { userId: stranger.id, sessionId: theirs.sessionId },
    publicJwk: publicJwk as Forger["publicJwk"],
  };
}

/** Both ways in: the function, and a request. */
async function throughTheDoor({ identity }: Forger, token: string): Promise<boolean> {
  const session = await verifySession(identity, token);
  if (token.length > 8_000 || /[^\w.=-]/.test(token)) return session !== undefined;
  const { status } = await portal.as(token).get("/api/v1/auth/me");
  return session !== undefined || status === 200;
}

/** A verifier as it is often written: the header says how, and a signature it cannot check is not checked. */
async function asTheTokenSays({ publicJwk }: Forger, token: string): Promise<boolean> {
  try {
    const { header, payload, signature } = partsOf(token);
    if (header.alg === "HS256") {
      const body = token.slice(0, token.lastIndexOf("."));
      const key = Buffer.from(publicJwk.x ?? "", "base64url");
      return createHmac("sha256", key).update(body).digest("base64url") === signature;
    }
    return typeof payload.sub === "string" && typeof payload.sid === "string";
  } catch {
    return false;
  }
}
