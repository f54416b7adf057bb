/** How many points secp256k1 has (SEC 2); EIP-2 wants `s` in the lower half. */
export const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
