// Stands in for packages that Pulumi loads and we never use: see light-sdk.ts.
module.exports = {};
