/**
 * The keys that seal what the ledger keeps secret (decision 0012). Owns data keys, the port to what wraps them, rotation, and where
 * tenants' own secrets are. Does not own the sealing itself (core's vault), nor the rows that hold sealed text.
 *
 * 1. A data key stands in the ledger wrapped; the key that wraps is a file or never leaves a key service.
 * 2. The list of sealed columns is in one place (sealed-columns.ts), and a test holds it against the schema.
 */
export { keyNotUnwrapped, kmsRefused, kmsUnavailable, masterKeyNeeded } from "./errors.ts";
export type { KeyEncryptionKey } from "./key-encryption-key.ts";
export { type Keyring, type KeyringOptions, openKeyring } from "./keyring.ts";
export { makeLocalKey } from "./local-key.ts";
export { type Maintenance, maintainKeys } from "./maintain.ts";
export { keysInUse, reseal } from "./reseal.ts";
export { forgeColumns, ledgerColumns, type SealedColumn } from "./sealed-columns.ts";
export { keyFields, keysFrom, tenantSecretsFrom } from "./settings.ts";
export { makeKvSecrets, makeLedgerSecrets, type TenantSecrets } from "./tenant-secrets.ts";
export { makeTransitKey } from "./transit-key.ts";
export { makeVaultClient, type VaultClient } from "./vault-client.ts";
