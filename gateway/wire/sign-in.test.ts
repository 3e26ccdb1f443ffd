import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { duplexPair } from "node:stream";
import { expect, test } from "vitest";
import { type Gate, sealClientKey } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { makeVerifier } from "../../platform/sql/index.ts";
import { makeByteReader, readMessage } from "./byte-reader.ts";
import { saslInitialResponse, saslResponse } from "./protocol.ts";
import { prove } from "./prove.fixture.ts";
import { mechanism, parseVerifier } from "./scram.ts";
import { signIn } from "./sign-in.ts";
import { tapStream } from "./tap.ts";

const salt = Buffer.alloc(16, 3);
const now = Date.parse("2026-01-01T00:00:00Z");
const gateWith = async (changes: Partial<Gate> = {}): Promise<Gate> => ({
  ...{ format: 1, id: "acme.shop.orders", databaseName: "orders", ownerRole: "orders", allowFrom: [] },
  ...{ suspendAfterSeconds: 0, units: 1 },
  limits: { connections: 0, connectionsPerSecond: 0, idleSeconds: 0, idleInTransactionSeconds: 0, statementSeconds: 0 },
  roles: { orders: { verifier: await makeVerifier(new Secret("right"), salt) } },
  ...changes,
});

type Attempt = {
  readonly gate: Gate | undefined;
  readonly password: string;
  readonly address?: string;
  readonly user?: string;
};

/** Both sides of a sign-in, over a pipe. */
async function attempt({ gate, password, address = "127.0.0.1", user = "orders" }: Attempt) {
  const [ours, theirs] = duplexPair();
  const client = makeByteReader(tapStream(theirs as unknown as Socket), 10_000);
  const known = signIn({
    ...{
      socket: ours as unknown as Socket,
      reader: makeByteReader(tapStream(ours as unknown as Socket), 10_000),
      binding: undefined,
    },
    ...{ gate, name: "acme.shop.orders", user, address, mockSecret: Buffer.alloc(32), nowMs: now },
  });
  await readMessage(client, 1000);
  const first = "n,,n=,r=abc";
  theirs.write(saslInitialResponse(mechanism, first));
  const challenge = (await readMessage(client, 1000)).body.toString("utf8", 4);
  theirs.write(saslResponse(prove(password, first, challenge, Buffer.from("n,,"))));
  return known;
}

test("the right password opens from this machine and from the allow-list, and nothing else does", async () => {
  const gate = await gateWith({ allowFrom: ["10.0.0.0/8"] });
  expect(await attempt({ gate, password: "right" })).toBeDefined();
  expect(await attempt({ gate, password: "right", address: "10.9.9.9" })).toBeDefined();
  expect(await attempt({ gate, password: "right", address: "11.0.0.1" })).toBeUndefined();
  expect(await attempt({ gate, password: "wrong" })).toBeUndefined();
  expect(await attempt({ gate, password: "right", user: "constructor" })).toBeUndefined();
  expect(await attempt({ gate: undefined, password: "right" })).toBeUndefined();
});

test("a password that is being replaced opens until its time is over, with the new one's key", async () => {
  const [oldPassword, newPassword] = ["right", "newer"];
  const keys = async (password: string) => {
    const verifier = await makeVerifier(new Secret(password), salt);
    const known = await attempt({ gate: await gateWith({ roles: { orders: { verifier } } }), password });
    return { verifier, clientKey: known?.clientKey ?? Buffer.alloc(0) };
  };
  const [old, fresh] = [await keys(oldPassword), await keys(newPassword)];
  const sealedClientKey = sealClientKey(fresh.clientKey, old.clientKey, { id: "acme.shop.orders", role: "orders" });
  const until = (ms: number) =>
    gateWith({
      roles: {
        orders: {
          verifier: fresh.verifier,
          previous: { verifier: old.verifier, until: new Date(now + ms).toISOString(), sealedClientKey },
        },
      },
    });
  const lasting = await attempt({ gate: await until(1000), password: oldPassword });
  expect(lasting?.clientKey).toEqual(fresh.clientKey);
  expect(
    createHash("sha256")
      .update(lasting?.clientKey ?? "")
      .digest(),
  ).toEqual(parseVerifier(fresh.verifier)?.storedKey);
  expect(await attempt({ gate: await until(1000), password: newPassword })).toBeDefined();
  expect(await attempt({ gate: await until(-1), password: oldPassword })).toBeUndefined();
  expect(await attempt({ gate: await until(1000), password: "third" })).toBeUndefined();
});
