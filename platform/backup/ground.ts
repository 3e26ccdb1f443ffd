import type { Machinery } from "../compute/index.ts";
import type { Vault } from "../core/index.ts";
import type { ObjectStore } from "../objects/index.ts";

/** What everything here works with. */
export type Ground = {
  readonly machinery: Machinery;
  readonly store: ObjectStore;
  readonly vault: Pick<Vault, "derive">;
};
