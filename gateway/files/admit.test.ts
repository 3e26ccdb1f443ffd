import { expect, test } from "vitest";
import type { Gate } from "../../platform/compute/index.ts";
import { Secret, systemClock } from "../../platform/core/index.ts";
import { credentialsFor, ownerOf, presign, sign } from "../../platform/files/index.ts";
import { bucketLabel } from "../../platform/spec/index.ts";
import { type AdmitDeps, admit } from "./admit.ts";

const id = "acme.shop.orders";
const label = bucketLabel(id, "assets");
const secret = new Secret("s");
const key = "a".repeat(26);
const spec = { public: false, maxObjectBytes: 10, storageBytes: 10, cors: [], retire: false };
const gate = { id, allowFrom: ["203.0.113.0/24"] } as unknown as Gate;
const deps: AdmitDeps = {
  ...{ secret, clock: systemClock },
  buckets: {
    find: async () => ({ id, name: "assets", label, spec, gate, owner: ownerOf(secret, label) }),
    ready: async () => undefined,
    list: async () => [],
    sweep: async () => undefined,
  },
  keys: { find: async () => ({ access: "read" }) },
  room: { admit: async () => true, measure: async () => 0 },
  upstream: { ask: () => Promise.reject(new Error("nothing is asked")) },
};
const outcome = async (request: Parameters<typeof admit>[1], address: string) => {
  const found = await admit(deps, request, address);
  return "code" in found ? found.message : found.kind;
};

test("a key is heard from the addresses of allowFrom and from this machine, an address that it signed from everywhere", async () => {
  const credentials = credentialsFor(secret, key, label);
  const plain = { method: "GET", path: `/${label}/a`, query: "", headers: { host: "files.test" } };
  const signed = () => ({ ...plain, headers: sign(plain, credentials, Date.now()) });
  expect(await outcome(signed(), "203.0.113.7")).toBe("admitted");
  expect(await outcome(signed(), "127.0.0.1")).toBe("admitted");
  expect(await outcome(signed(), "198.51.100.7")).toMatch(/allowFrom/);
  const made = { method: "GET", origin: "http://files.test", bucket: label, key: "a", expiresSeconds: 60 } as const;
  const url = new URL(presign(made, credentials, Date.now()));
  expect(await outcome({ ...plain, query: url.search.slice(1) }, "198.51.100.7")).toBe("admitted");
});
