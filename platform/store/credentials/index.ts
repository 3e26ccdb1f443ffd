export {
  credentialContext,
  dropCredentials,
  findSecret,
  keepCredential,
  listCredentials,
  replaceCredential,
  type SealedCredential,
  secretContext,
} from "./credentials.ts";
