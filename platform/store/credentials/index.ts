export {
  credentialContext,
  dropCredentials,
  keepCredential,
  listCredentials,
  replaceCredential,
  type SealedCredential,
  secretContext,
} from "./credentials.ts";
export { ensureCredential, getCredential, makePassword, setCredential } from "./passwords.ts";
