export { type FencedOff, fenceOff } from "./fence-off.ts";
export { listRecoveries, type Recovery } from "./list-recoveries.ts";
export { readStanding, type Standing } from "./standing.ts";
export { putWrappedKeys, type WrappedKey, wrappedKeys } from "./wrapped-keys.ts";
