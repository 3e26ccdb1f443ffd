export { notPersonal, type PersonalColumn, personalColumns } from "./personal-columns.ts";
export { declaringTenants, erasePersonal, type HeldRows, readPersonal } from "./subjects.ts";
