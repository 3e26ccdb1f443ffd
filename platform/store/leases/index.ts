export { heldSql } from "./held-sql.ts";
export {
  expireDeadSingletons,
  type KeptLease,
  keepLease,
  type LeaseParts,
  type LeaseTimes,
  usualLeases,
} from "./keep-lease.ts";
export { holdSingleton, listSingletons, type SingletonLease, type SingletonRow } from "./lease.ts";
export { expireSingleton, releaseSingleton, renewSingleton, takeSingleton } from "./take-lease.ts";
export { during, type Held, type Singleton, type SingletonParts, whileHolding } from "./while-holding.ts";
