import { z } from "zod";
import type { Keyring } from "../../platform/keys/index.ts";
import type { DataKeyRow } from "../../platform/store/index.ts";
import { notFound } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const vaultKey = named(
  "VaultKey",
  "A key that seals the installation's secrets. The key itself is never shown.",
  z.strictObject({
    id: z.string(),
    purpose: z.enum(["root", "data"]).describe("root: what passwords and passphrases derive from; it stays for ever."),
    state: z
      .enum(["waiting", "active", "former", "retired"])
      .describe("former: still opens what is being sealed anew."),
    wrappedBy: z.string().describe("The key-encryption key: a key file, or a key of a key service."),
    createdAt: timestamp,
    activeFrom: timestamp,
    retiredAt: timestamp.nullable(),
  }),
);

const rotation = named(
  "VaultRotation",
  "What a rotation did.",
  z.strictObject({
    what: z.enum(["data", "wrapping"]),
    key: vaultKey.nullable().describe("data: the key that seals from `activeFrom` on."),
    rewrapped: z.int().describe("wrapping: keys that are wrapped by the present key-encryption key now."),
  }),
);

export const vaultRoutes = [
  route({
    method: "get",
    path: "/api/v1/vault/keys",
    operationId: "vault.keys",
    scope: "vault:read",
    target: "own",
    summary: "Keys that seal the secrets",
    replies: { 200: json("All of them, oldest first", z.strictObject({ items: z.array(vaultKey) })) },
  }).handle(async (_call, portal) => {
    const keyring = keyringOf(portal);
    const rows = await keyring.list();
    return { status: 200, body: { items: rows.map((row) => keyToWire(row, keyring.current())) } };
  }),

  route({
    method: "post",
    path: "/api/v1/vault/rotate",
    operationId: "vault.rotate",
    scope: "vault:rotate",
    target: "own",
    summary: "Rotate the keys",
    description:
      "`data` makes a new data key; when every replica has learned it, it seals, and what was sealed before is sealed anew in the background. `wrapping` wraps all keys by the key-encryption key that is configured now.",
    body: z.strictObject({ what: z.enum(["data", "wrapping"]).default("data") }),
    replies: { 200: json("Begun, or done", rotation) },
  }).handle(async ({ body: { what } }, portal) => {
    const keyring = keyringOf(portal);
    const made = what === "data" ? await keyring.rotateData() : undefined;
    const rewrapped = what === "wrapping" ? await keyring.rotateKek() : 0;
    const key = made === undefined ? null : keyToWire(made, keyring.current());
    return {
      status: 200,
      body: { what, key, rewrapped },
      trail: { details: { what, key: made?.id ?? null, rewrapped } },
    };
  }),
];

function keyringOf({ keyring }: Portal): Keyring {
  if (keyring === null) throw notFound("this portal has no keyring of its own");
  return keyring;
}

function keyToWire(row: DataKeyRow, current: string) {
  const { id, purpose, kek, createdAt, activeFrom, retiredAt } = row;
  return {
    ...{ id, purpose, wrappedBy: kek },
    state: stateOf(row, current),
    createdAt: time(createdAt),
    activeFrom: time(activeFrom),
    retiredAt: retiredAt === null ? null : time(retiredAt),
  };
}

function stateOf(
  { id, purpose, activeInMs, retiredAt }: DataKeyRow,
  current: string,
): "waiting" | "active" | "former" | "retired" {
  if (purpose === "root" || id === current) return "active";
  if (retiredAt !== null) return "retired";
  return activeInMs > 0 ? "waiting" : "former";
}
