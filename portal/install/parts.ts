import type { Vault } from "../../platform/core/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import type { Forge } from "../forge/index.ts";

export type InstallParts = {
  readonly sql: Pool;
  readonly forge: Forge;
  readonly vault: Vault;
  readonly data: string;
  /** Where the forge tells the reconciler what was pushed. */
  readonly hookUrl: string;
};

/** The repository of the tenants' declarations, at the embedded forge. */
export const home = { owner: "nebula", name: "tenants" } as const;
