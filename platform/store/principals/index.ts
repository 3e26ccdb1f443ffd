export { findPrincipal } from "./find-principal.ts";
export { insertPrincipal, type NewPrincipal } from "./insert-principal.ts";
export { findPrincipalWithin, type KeyLimit, listPrincipals, type PrincipalFilter } from "./list-principals.ts";
export { revokePrincipal } from "./revoke-principal.ts";
export { supersedePrincipal } from "./rotate-principal.ts";
export type { PrincipalRow } from "./row.ts";
export { touchPrincipal } from "./touch-principal.ts";
