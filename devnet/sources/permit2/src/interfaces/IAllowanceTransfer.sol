// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// The part of Permit2's published ABI that Balancer's Router calls. No package on the registry carries Permit2's own
/// interface files on their own.
interface IAllowanceTransfer {
    struct PermitDetails {
        address token;
        uint160 amount;
        uint48 expiration;
        uint48 nonce;
    }

    struct PermitBatch {
        PermitDetails[] details;
        address spender;
        uint256 sigDeadline;
    }

    function permit(address owner, PermitBatch memory permitBatch, bytes calldata signature) external;

    function transferFrom(address from, address to, uint160 amount, address token) external;
}
