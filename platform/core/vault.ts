import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { defineError } from "./errors.ts";
import { Secret } from "./secret.ts";

export const sealingKeyUnknown = defineError({
  code: "NEB903",
  status: 503,
  title: "A key of the vault is not known yet",
  retry: true,
  hint: "Another replica rotated the keys a moment ago; they are being read. If it stays: `nebula keys list`, and the log of this process.",
});

export const sealBroken = defineError({
  code: "NEB904",
  status: 500,
  title: "A sealed value does not open",
  retry: false,
  hint: "It was changed, belongs to another row, or was sealed by another installation: restore the row, or set the secret anew.",
});

/**
 * Encrypts secrets for the ledger: AES-256-GCM under a data key (platform/keys), or rather under a key that derives from it for
 * the scope of the context, so that a job can be lent the keys of its own project and no others.
 *
 * 1. The context (for example `credential:shop.store.orders:owner`) is authenticated: a row cannot be moved to another owner.
 * 2. Sealed form: `v2:<data key>:<base64 of nonce(12) | ciphertext | tag(16)>`. What the first release sealed (`v1:`) opens.
 * 3. `derive` does not change when keys rotate: databases know passwords, and states passphrases, that came from it.
 */
export type Vault = {
  seal(plain: Secret, context: string): string;
  /** @throws NEB903 when the key is not known here yet, NEB904 when the text or the context is another one. */
  open(sealed: string, context: string): Secret;
  /** A stable secret derived from the vault's root, for example a stack's passphrase. */
  derive(purpose: string): Secret;
  /** The keys of some scopes and some derived secrets, for a process that is to have no more. */
  lend(wish: VaultWish): VaultLoan;
};

export type DataKey = { readonly id: string; readonly key: Buffer };

/** What a vault works with. Asked at every use, so that keys may come and go under it. */
export type VaultKeys = {
  /** Of `derive`, and of what the first release sealed. 32 bytes. */
  readonly root: Buffer;
  /** Under which is sealed now. */
  current(): DataKey;
  all(): readonly DataKey[];
  /** Called with an id that nobody knows. */
  missing(id: string): void;
};

export type VaultWish = { readonly scopes: readonly string[]; readonly derived: readonly string[] };

/** Plain values, to be sent over a pipe of ours. */
export type VaultLoan = {
  readonly current: string;
  /** Base64 by `<data key> <scope>`. */
  readonly keys: Readonly<Record<string, string>>;
  /** By purpose. */
  readonly derived: Readonly<Record<string, string>>;
};

/** Everything of one stack's credentials, one tenant's secrets; else the first word of the context. */
export function scopeOf(context: string): string {
  const [kind = "", owner = ""] = context.split(":");
  if (kind === "credential") return `credential:${owner.split(".").slice(0, 2).join(".")}`;
  return kind === "secret" ? `secret:${owner}` : kind;
}

export function makeVaultOver(keys: VaultKeys): Vault {
  const scoped = new Map<string, Buffer>();
  const keyOf = ({ id, key }: DataKey, scope: string): Buffer => {
    const name = `${id} ${scope}`;
    const known = scoped.get(name);
    if (known !== undefined) return known;
    const made = derived(key, `seal:v2:${scope}`);
    if (scoped.size >= 5000) scoped.clear();
    scoped.set(name, made);
    return made;
  };
  const find = (id: string): DataKey => {
    const found = keys.all().find((one) => one.id === id);
    if (found !== undefined) return found;
    keys.missing(id);
    throw sealingKeyUnknown(`a value is sealed under ${id}, which this process does not know`);
  };
  const derive = (purpose: string) => new Secret(derived(keys.root, `derive:${purpose}`).toString("base64url"));
  return {
    seal(plain, context) {
      const current = keys.current();
      return sealUnder(current.id, keyOf(current, scopeOf(context)), plain, context);
    },
    open(sealed, context) {
      const { id, body } = parse(sealed);
      const key = id === undefined ? derived(keys.root, "seal:v1") : keyOf(find(id), scopeOf(context));
      return openUnder(key, body, context);
    },
    derive,
    lend: (wish) => ({
      current: keys.current().id,
      keys: Object.fromEntries(
        keys
          .all()
          .flatMap((key) =>
            wish.scopes.map((scope) => [`${key.id} ${scope}`, keyOf(key, scope).toString("base64")] as const),
          ),
      ),
      derived: Object.fromEntries(wish.derived.map((purpose) => [purpose, derive(purpose).reveal()])),
    }),
  };
}

/** A vault whose only data key derives from the master key: for tests and tools without a ledger. */
export function makeVault(masterKey: Secret): Vault {
  const root = Buffer.from(masterKey.reveal(), "base64");
  if (root.length !== 32) throw new Error("the master key must be 32 bytes in base64");
  const only: DataKey = { id: "dk_fixed", key: derived(root, "data:fixed") };
  return makeVaultOver({ root, current: () => only, all: () => [only], missing: () => undefined });
}

export type BorrowedVault = Pick<Vault, "seal" | "open" | "derive"> & {
  take(loan: VaultLoan): void;
};

/** The vault of a process that is lent, job by job, what the job needs. Each loan ends the one before. */
export function makeBorrowedVault(first: VaultLoan): BorrowedVault {
  let loan = first;
  const keyOf = (id: string, context: string): Buffer => {
    const key = loan.keys[`${id} ${scopeOf(context)}`];
    if (key === undefined) throw new Error(`no key for ${scopeOf(context)} was lent to this job`);
    return Buffer.from(key, "base64");
  };
  return {
    take: (next) => {
      loan = next;
    },
    seal: (plain, context) => sealUnder(loan.current, keyOf(loan.current, context), plain, context),
    open(sealed, context) {
      const { id, body } = parse(sealed);
      if (id === undefined) throw sealingKeyUnknown("a value of the first release is being sealed anew");
      return openUnder(keyOf(id, context), body, context);
    },
    derive(purpose) {
      const value = loan.derived[purpose];
      if (value === undefined) throw new Error(`${purpose} was not lent to this job`);
      return new Secret(value);
    },
  };
}

/** The data key that sealed a value; undefined for the first release's. */
export const keyIdOf = (sealed: string): string | undefined => parse(sealed).id;

function parse(sealed: string): { readonly id: string | undefined; readonly body: Buffer } {
  const [, id, body] = /^(?:v1|v2:([\w-]{1,64})):([A-Za-z0-9+/=]{38,})$/.exec(sealed) ?? [];
  if (body === undefined) throw sealBroken("a sealed value does not look like one");
  return { id, body: Buffer.from(body, "base64") };
}

const derived = (key: Buffer, info: string): Buffer => Buffer.from(hkdfSync("sha256", key, "nebuladb", info, 32));

function sealUnder(id: string, key: Buffer, plain: Secret, context: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain.reveal(), "utf8"), cipher.final()]);
  return `v2:${id}:${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64")}`;
}

function openUnder(key: Buffer, bytes: Buffer, context: string): Secret {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(bytes.length - 16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(12, bytes.length - 16)), decipher.final()]);
    return new Secret(plain.toString("utf8"));
  } catch (cause) {
    throw sealBroken(`a value sealed for ${context.split(":")[0]} does not open`, { cause });
  }
}
