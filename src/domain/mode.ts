/**
 * PAPER simulates and cannot send; LIVE sends real transactions. They never share a file, a counter or a
 * signer.
 */
export type Mode = 'PAPER' | 'LIVE'
