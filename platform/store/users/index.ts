export {
  countWaysIn,
  type LinkedIdentity,
  linkIdentity,
  listLinkedIdentities,
  listOwnIdentities,
  type OwnIdentity,
  unlinkIdentity,
  useIdentity,
} from "./identities.ts";
export { findUser, findUserByEmail, hasAdministrator, type ListedUser, listUsers, userKey } from "./read-users.ts";
export type { User } from "./user.ts";
export { insertUser, type NewUser, rehashPassword, setDisabled, setPassword } from "./write-users.ts";
