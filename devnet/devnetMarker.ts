/**
 * The account by which a devnet is known: no other chain has this code at this address. The code begins with INVALID
 * (0xfe), so calling it always fails; the rest is the ASCII text `titan-devnet-1`.
 */
export const devnetMarker = {
  address: '0x7174616e2d6465766e6574000000000000000001',
  code: '0xfe746974616e2d6465766e65742d31',
} as const
