// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import { IAllowanceTransfer } from "./IAllowanceTransfer.sol";

interface IPermit2 is IAllowanceTransfer {}
