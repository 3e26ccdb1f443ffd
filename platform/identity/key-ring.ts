import { type CryptoKey, exportJWK, exportPKCS8, generateKeyPair, importJWK, importPKCS8, type JWK } from "jose";
import { type Clock, newId, Secret, type Vault } from "../core/index.ts";
import type { Pool } from "../sql/index.ts";
import { listSigningKeys, putSigningKey, type SigningKeyRow, signingKeyContext } from "../store/index.ts";

/**
 * The keys that sign session tokens, as every process knows them.
 *
 * 1. One key signs. A rotated key verifies until the last token that it may have signed is dead, then it is deleted.
 * 2. A private key stands in the ledger sealed, and only while it signs.
 * 3. Known for half a minute; an unknown key id asks the ledger at once, but not more than once a second.
 */
export type KeyRing = {
  /** The key that signs; the installation's first one is made by the first who asks. */
  signer(): Promise<{ readonly id: string; readonly key: CryptoKey }>;
  /** The public half of a key that still verifies. */
  verifier(id: string): Promise<CryptoKey | undefined>;
  /** RFC 7517: what others need to verify our tokens. */
  jwks(): Promise<{ readonly keys: readonly JWK[] }>;
  /** A new key signs from now on; its id. */
  rotate(): Promise<string>;
  /** The ledger may say something else now. */
  forget(): void;
};

type Parts = { readonly sql: Pool; readonly vault: Vault; readonly clock: Clock; readonly accessSeconds: number };
type Known = {
  readonly atMs: number;
  readonly signer: { readonly id: string; readonly key: CryptoKey } | undefined;
  readonly verifiers: ReadonlyMap<string, CryptoKey>;
  readonly jwks: readonly JWK[];
};

const algorithm = "EdDSA";
const knownForMs = 30_000;
/** A process may sign with the old key for as long as it knows no better, and clocks differ. */
const marginSeconds = 120;

export function makeKeyRing({ sql, vault, clock, accessSeconds }: Parts): KeyRing {
  let known: Promise<Known> | undefined;
  let loadedAtMs = Number.NEGATIVE_INFINITY;

  const load = async (): Promise<Known> => {
    const atMs = clock.monotonicMs();
    const rows = await listSigningKeys(sql);
    const entries = await Promise.all(
      rows.map(async (row) => [row.id, (await importJWK(row.publicJwk as JWK, algorithm)) as CryptoKey] as const),
    );
    const signing = rows.find((row) => row.privateSealed !== null);
    return {
      atMs,
      signer: signing && { id: signing.id, key: await openKey(vault, signing) },
      verifiers: new Map(entries),
      jwks: rows.map((row) => ({ ...(row.publicJwk as JWK), kid: row.id, alg: algorithm, use: "sig" })),
    };
  };
  const reload = (): Promise<Known> => {
    loadedAtMs = clock.monotonicMs();
    const loading = load();
    known = loading;
    loading.catch(() => {
      if (known === loading) known = undefined;
    });
    return loading;
  };
  const read = (notOlderThanMs = knownForMs): Promise<Known> =>
    known === undefined || clock.monotonicMs() - loadedAtMs > notOlderThanMs ? reload() : known;
  const put = async (onlyFirst: boolean): Promise<string> => {
    const key = await newKey(vault);
    await putSigningKey(sql, key, { overlapSeconds: accessSeconds + marginSeconds, onlyFirst });
    known = undefined;
    return key.id;
  };

  return {
    async signer() {
      const { signer } = await read();
      if (signer !== undefined) return signer;
      await put(true);
      const { signer: made } = await read();
      if (made === undefined) throw new Error("there is no signing key, although one was just made");
      return made;
    },
    async verifier(id) {
      const found = (await read()).verifiers.get(id);
      return found ?? (await read(1_000)).verifiers.get(id);
    },
    jwks: async () => ({ keys: (await read(1_000)).jwks }),
    rotate: () => put(false),
    forget() {
      known = undefined;
    },
  };
}

async function newKey(vault: Vault): Promise<Pick<SigningKeyRow, "id" | "publicJwk" | "privateSealed">> {
  const id = newId("key");
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { crv: "Ed25519", extractable: true });
  const sealed = vault.seal(new Secret(await exportPKCS8(privateKey)), signingKeyContext(id));
  return { id, publicJwk: { ...(await exportJWK(publicKey)) }, privateSealed: sealed };
}

const openKey = (vault: Vault, { id, privateSealed }: SigningKeyRow): Promise<CryptoKey> =>
  importPKCS8(vault.open(privateSealed ?? "", signingKeyContext(id)).reveal(), algorithm);
