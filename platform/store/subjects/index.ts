export { notPersonal, type PersonalColumn, personalColumns } from "./personal-columns.ts";
export { accountOf, declaringTenants, erasePersonal, type HeldRows, readPersonal } from "./subjects.ts";
