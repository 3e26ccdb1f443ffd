export { findServiceAccount, getServiceAccount, listServiceAccounts } from "./read-service-accounts.ts";
export type { ServiceAccount, ServiceGrant } from "./service-account.ts";
export { deleteServiceAccount, insertServiceAccount, type NewServiceAccount } from "./write-service-accounts.ts";
