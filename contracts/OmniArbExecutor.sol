// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ExecutorStorage} from "./ExecutorStorage.sol";
import {IAaveV3Pool, IBalancerV3Vault, ICurvePool, IV2Router, IV3Router} from "./Protocols.sol";

/// @title OmniArbExecutor
/// @notice Borrows a token in a flash loan, swaps it along a route that ends in the same token, repays, keeps the profit.
/// @dev `routeData` is `abi.encode(uint8[] protocols, address[] routers, address[] path, bytes[] extras)` followed by zero to
/// three further words, in this order: `uint256 minProfit`, `uint256 deadline`, `bytes32 signalId`; zero means "not given". Its
/// first word, the offset of the first array, tells how many there are: 0x80 none, 0xa0 one, 0xc0 two, 0xe0 three.
///
/// `path[i]` is the token hop `i` gives; hop 0 spends the loan token and the last element is the loan token.
/// `protocols[i]` says how `routers[i]` is called and what `extras[i]` holds:
/// 0 Uniswap V2 router (extras ignored), 1 Uniswap V3 SwapRouter (`abi.encode(uint24 fee)`),
/// 2 Curve pool (`abi.encode(int128 i, int128 j)`, the pool stands in `routers`). Numbers are only ever appended.
///
/// Storage is part of the interface, so that the contract can be simulated by state override where it is not deployed:
/// slot 0 owner (low 20 bytes) and phase (byte 20), slot 1 Balancer vault, slot 2 Aave pool, slot 3 lanes, slot 4 signals, slot 5
/// pending owner, slot 6 treasury.
/// There are no immutables: the runtime code is the same on every chain, and so is the CREATE2 address.
///
/// What a lane can do: trade, and send what the contract holds to the treasury, which the owner names. Hops spend only what the loan or the hop before them brought, an approval lives for one hop, and
/// the loan token's balance must have grown at the end, so a lane cannot take what the contract held before, whatever routers
/// and tokens it names.
contract OmniArbExecutor is ExecutorStorage, Ownable2Step {
    using SafeERC20 for IERC20;

    /// @notice `flashSource` of a loan from the Balancer V3 vault, which is free.
    uint8 public constant FLASH_BALANCER_V3 = 1;
    /// @notice `flashSource` of a loan from the Aave V3 pool, which costs the pool's premium.
    uint8 public constant FLASH_AAVE_V3 = 2;

    uint8 private constant PROTOCOL_UNISWAP_V2 = 0;
    uint8 private constant PROTOCOL_UNISWAP_V3 = 1;
    uint8 private constant PROTOCOL_CURVE = 2;

    /// @notice Where `sweep` sends to; zero while the owner has named none.
    address public treasury;

    /// @notice A trade succeeded. `lane` sent it, `signalId` is the id it consumed or zero, and `profit` is what the contract's
    /// balance of `token` grew by.
    event ArbitrageExecuted(
        bytes32 indexed signalId, address indexed lane, address indexed token, uint256 amount, uint256 profit
    );
    /// @notice A router took only a part of a hop's input: `amount` of `token` stayed in the contract, for `sweep` or `withdraw`.
    /// @dev Not told of the loan token, whose rest is in the profit.
    event Leftover(bytes32 indexed signalId, uint256 hop, address indexed token, uint256 amount);
    /// @notice The lenders were set.
    event Configured(address balancerVault, address aavePool);
    /// @notice An account was allowed or forbidden to call `execute`.
    event LaneSet(address indexed lane, bool allowed);
    /// @notice The owner named where `sweep` sends to.
    event TreasurySet(address indexed treasury);
    /// @notice All that the contract held of `token` went to the treasury; native coin when `token` is zero.
    event Swept(address indexed token, address indexed treasury, uint256 amount);

    /// @notice `execute` or `sweep` was called by neither the owner nor a lane.
    error NotAuthorized(address caller);
    /// @notice A trade is in flight.
    error Busy();
    /// @notice No flash source has this number.
    error BadFlashSource(uint8 flashSource);
    /// @notice The flash source is not set on this chain, or there is no code at its address.
    error LenderMissing(uint8 flashSource);
    /// @notice There is no token at the loan token's address.
    error LoanTokenMissing(address loanToken);
    /// @notice A callback did not come from the lender awaited, or the lender never called back.
    error BadCallback();
    /// @notice `routeData` is malformed, its arrays differ in length or are empty, or it does not end in the loan token.
    error BadRoute();
    /// @notice The block is later than the deadline.
    error Expired(uint256 deadline, uint256 timestamp);
    /// @notice The signal was already used.
    error SignalConsumed(bytes32 signalId);
    /// @notice No protocol has this number.
    error BadProtocol(uint256 hop, uint8 protocol);
    /// @notice The hop's extras are not what its protocol asks for.
    error BadExtras(uint256 hop);
    /// @notice The hop swaps a token for itself.
    error SameToken(uint256 hop);
    /// @notice The hop's router, or the token it gives, has no code.
    error NotAContract(uint256 hop, address account);
    /// @notice The router, or the token it should give, reverted; `reason` is its revert data.
    error HopFailed(uint256 hop, bytes reason);
    /// @notice The router did not revert and gave nothing.
    error NoOutput(uint256 hop);
    /// @notice The route gave less than the loan and its premium.
    error Unprofitable(uint256 received, uint256 owed);
    /// @notice The balance grew by less than `minProfit`, or not at all.
    error ProfitTooLow(uint256 profit, uint256 minProfit);
    /// @notice Native coin could not be sent to `to`.
    error WithdrawFailed(address to);
    /// @notice What is sent to the zero address is lost.
    error NoRecipient();
    /// @notice The owner has named no treasury.
    error TreasuryMissing();
    /// @notice Ownership cannot be given up: the contract would be without use and its tokens lost.
    error CannotRenounce();

    modifier whenIdle() {
        if (_phase != IDLE) revert Busy();
        _;
    }

    modifier onlyOwnerOrLane() {
        if (msg.sender != owner() && !isLane[msg.sender]) revert NotAuthorized(msg.sender);
        _;
    }

    /// @param owner_ the account that configures, withdraws, and names the lanes and the treasury
    constructor(address owner_) Ownable(owner_) {}

    /// @notice Takes native coin, which only `withdraw` and `sweep` spend.
    receive() external payable {}

    /// @notice Sets the lenders; zero for one the chain does not have.
    /// @dev The contract trusts them: a callback of theirs is believed.
    function configure(address balancerVault_, address aavePool_) external onlyOwner whenIdle {
        balancerVault = balancerVault_;
        aavePool = aavePool_;
        emit Configured(balancerVault_, aavePool_);
    }

    /// @notice Allows or forbids an account to call `execute`.
    function setLane(address lane, bool allowed) external onlyOwner {
        _setLane(lane, allowed);
    }

    /// @notice Allows or forbids several accounts to call `execute`.
    function setLanes(address[] calldata lanes, bool allowed) external onlyOwner {
        for (uint256 i; i < lanes.length; ++i) {
            _setLane(lanes[i], allowed);
        }
    }

    /// @notice Names where `sweep` sends to; zero for nowhere.
    function setTreasury(address treasury_) external onlyOwner {
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    /// @notice Sends tokens, or native coin when `token` is zero, to `to`: `amount`, or all there is when it is 2^256 - 1.
    function withdraw(address token, address to, uint256 amount) external onlyOwner whenIdle {
        if (to == address(0)) revert NoRecipient();
        _send(token, to, amount == type(uint256).max ? _held(token) : amount);
    }

    /// @notice Sends all that the contract holds of some tokens, and native coin for zero, to the treasury.
    function sweep(address[] calldata tokens) external onlyOwnerOrLane whenIdle {
        address to = treasury;
        if (to == address(0)) revert TreasuryMissing();
        for (uint256 i; i < tokens.length; ++i) {
            uint256 amount = _held(tokens[i]);
            if (amount == 0) continue;
            _send(tokens[i], to, amount);
            emit Swept(tokens[i], to, amount);
        }
    }

    /// @inheritdoc Ownable2Step
    function transferOwnership(address newOwner) public override(Ownable, Ownable2Step) {
        super.transferOwnership(newOwner);
    }

    /// @notice Always reverts.
    function renounceOwnership() public view override onlyOwner {
        revert CannotRenounce();
    }

    /// @notice Borrows `loanAmount` of `loanToken`, swaps along the route, repays, and keeps the profit in the contract.
    /// @dev Reverts unless the balance of `loanToken` has grown, by `minProfit` at least when one is given. A revert leaves no
    /// trace: the signal id is then still unused.
    /// @param flashSource 1 Balancer V3, 2 Aave V3
    /// @param loanToken the token borrowed, and the one the route must end in
    /// @param loanAmount in base units of `loanToken`
    /// @param routeData see the contract's description
    /// @return profit in base units of `loanToken`, after the lender's premium, before gas
    function execute(uint8 flashSource, address loanToken, uint256 loanAmount, bytes calldata routeData)
        external
        whenIdle
        onlyOwnerOrLane
        returns (uint256 profit)
    {
        (uint256 minProfit, bytes32 signalId) = _admit(routeData);
        address lender = _lender(flashSource);
        (bool ok, uint256 balanceBefore,) = _balance(loanToken);
        if (!ok) revert LoanTokenMissing(loanToken);

        _phase = flashSource;
        if (flashSource == FLASH_BALANCER_V3) {
            IBalancerV3Vault(lender).unlock(abi.encodeCall(this.onBalancerUnlock, (loanToken, loanAmount, routeData)));
        } else {
            IAaveV3Pool(lender).flashLoanSimple(address(this), loanToken, loanAmount, routeData, 0);
            _clearApproval(loanToken, lender);
        }
        if (_phase != DONE) revert BadCallback();
        _phase = IDLE;

        uint256 balanceAfter = IERC20(loanToken).balanceOf(address(this));
        profit = balanceAfter > balanceBefore ? balanceAfter - balanceBefore : 0;
        if (profit == 0 || profit < minProfit) revert ProfitTooLow(profit, minProfit);
        emit ArbitrageExecuted(signalId, msg.sender, loanToken, loanAmount, profit);
    }

    /// @notice Called by the Balancer V3 vault during `execute`, and refused at any other time and from anyone else.
    /// @dev The vault calls back whoever called `unlock`, so only our own unlock ends here.
    function onBalancerUnlock(address token, uint256 amount, bytes calldata routeData) external {
        if (_phase != FLASH_BALANCER_V3 || msg.sender != balancerVault) revert BadCallback();
        _phase = DONE;
        IBalancerV3Vault(msg.sender).sendTo(IERC20(token), address(this), amount);
        uint256 received = _route(token, amount, routeData);
        if (received < amount) revert Unprofitable(received, amount);
        IERC20(token).safeTransfer(msg.sender, amount);
        IBalancerV3Vault(msg.sender).settle(IERC20(token), amount);
    }

    /// @notice Called by the Aave V3 pool during `execute`, and refused at any other time and from anyone else.
    /// @dev Anyone may ask the pool for a loan in our name; `initiator` tells who did.
    function executeOperation(
        address asset,
        uint256 amount,
        uint256 premium,
        address initiator,
        bytes calldata params
    ) external returns (bool) {
        if (_phase != FLASH_AAVE_V3 || msg.sender != aavePool || initiator != address(this)) revert BadCallback();
        _phase = DONE;
        uint256 received = _route(asset, amount, params);
        uint256 owed = amount + premium;
        if (received < owed) revert Unprofitable(received, owed);
        IERC20(asset).forceApprove(msg.sender, owed);
        return true;
    }

    /// @dev Needed because two bases name it; slots are as `Ownable2Step` has them.
    function _transferOwnership(address newOwner) internal override(Ownable, Ownable2Step) {
        super._transferOwnership(newOwner);
    }

    function _send(address token, address to, uint256 amount) private {
        if (token != address(0)) {
            IERC20(token).safeTransfer(to, amount);
            return;
        }
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert WithdrawFailed(to);
    }

    function _held(address token) private view returns (uint256) {
        return token == address(0) ? address(this).balance : IERC20(token).balanceOf(address(this));
    }

    function _setLane(address lane, bool allowed) private {
        isLane[lane] = allowed;
        emit LaneSet(lane, allowed);
    }

    /// @dev Reads the optional words: checks the deadline and consumes the signal. Data too short for its head is
    /// refused when the route is read, for the head is also the offset of the first array.
    function _admit(bytes calldata routeData) private returns (uint256 minProfit, bytes32 signalId) {
        if (routeData.length < 0x80) revert BadRoute();
        uint256 head = _word(routeData, 0);
        if (head < 0x80 || head > 0xe0 || head % 0x20 != 0) revert BadRoute();
        if (head > 0x80) minProfit = _word(routeData, 0x80);
        if (head > 0xa0) {
            uint256 deadline = _word(routeData, 0xa0);
            if (deadline != 0 && block.timestamp > deadline) revert Expired(deadline, block.timestamp);
        }
        if (head > 0xc0) {
            signalId = bytes32(_word(routeData, 0xc0));
            if (signalId != 0) {
                if (consumed[signalId]) revert SignalConsumed(signalId);
                consumed[signalId] = true;
            }
        }
    }

    function _lender(uint8 flashSource) private view returns (address lender) {
        if (flashSource == FLASH_BALANCER_V3) lender = balancerVault;
        else if (flashSource == FLASH_AAVE_V3) lender = aavePool;
        else revert BadFlashSource(flashSource);
        if (lender.code.length == 0) revert LenderMissing(flashSource);
    }

    /// @dev Walks the hops; returns what the last one gave.
    function _route(address token, uint256 amount, bytes calldata routeData) private returns (uint256) {
        uint256[] calldata protocols = _array(routeData, 0x00);
        uint256[] calldata routers = _array(routeData, 0x20);
        uint256[] calldata path = _array(routeData, 0x40);
        uint256[] calldata extras = _array(routeData, 0x60);
        uint256 hops = protocols.length;
        if (hops == 0 || routers.length != hops || path.length != hops || extras.length != hops) revert BadRoute();
        if (path[hops - 1] != uint160(token)) revert BadRoute();
        address loanToken = token;
        uint256 kept;
        for (uint256 hop; hop < hops; ++hop) {
            address router = _address(routers[hop]);
            address tokenOut = _address(path[hop]);
            if (tokenOut == token) revert SameToken(hop);
            if (router.code.length == 0) revert NotAContract(hop, router);
            bytes memory swapData = _encodeSwap(hop, protocols[hop], token, tokenOut, amount, routeData, extras);
            uint256 keptOut = _balanceAtHop(hop, tokenOut);
            amount = _swap(hop, router, token, tokenOut, amount, keptOut, swapData);
            if (token != loanToken) _tellLeftover(hop, token, kept, routeData);
            (token, kept) = (tokenOut, keptOut);
        }
        return amount;
    }

    /// @dev The router's calldata. Words of the extras go in unread: the router refuses what does not fit its types.
    function _encodeSwap(
        uint256 hop,
        uint256 protocol,
        address tokenIn,
        address tokenOut,
        uint256 amountIn,
        bytes calldata routeData,
        uint256[] calldata extras
    ) private view returns (bytes memory) {
        if (protocol == PROTOCOL_UNISWAP_V2) {
            // the array of two tokens follows the five head words
            return abi.encodeWithSelector(
                IV2Router.swapExactTokensForTokens.selector,
                amountIn,
                0,
                0xa0,
                address(this),
                block.timestamp,
                2,
                tokenIn,
                tokenOut
            );
        }
        if (protocol == PROTOCOL_UNISWAP_V3) {
            uint256 at = _extra(hop, 0x20, routeData, extras);
            return abi.encodeWithSelector(
                IV3Router.exactInputSingle.selector,
                tokenIn,
                tokenOut,
                _word(routeData, at),
                address(this),
                block.timestamp,
                amountIn,
                0,
                0
            );
        }
        if (protocol == PROTOCOL_CURVE) {
            uint256 at = _extra(hop, 0x40, routeData, extras);
            return abi.encodeWithSelector(
                ICurvePool.exchange.selector, _word(routeData, at), _word(routeData, at + 0x20), amountIn, 0
            );
        }
        if (protocol > type(uint8).max) revert BadRoute();
        revert BadProtocol(hop, uint8(protocol));
    }

    /// @dev One hop: approve, swap, take the approval back; returns what really arrived above `balanceBefore`.
    function _swap(
        uint256 hop,
        address router,
        address tokenIn,
        address tokenOut,
        uint256 amountIn,
        uint256 balanceBefore,
        bytes memory swapData
    ) private returns (uint256) {
        IERC20(tokenIn).forceApprove(router, amountIn);
        (bool ok, bytes memory reason) = router.call(swapData);
        if (!ok) revert HopFailed(hop, reason);
        _clearApproval(tokenIn, router);
        uint256 balanceAfter = _balanceAtHop(hop, tokenOut);
        if (balanceAfter <= balanceBefore) revert NoOutput(hop);
        return balanceAfter - balanceBefore;
    }

    /// @dev `kept` is what the contract held of the token before the hop that gave it.
    function _tellLeftover(uint256 hop, address token, uint256 kept, bytes calldata routeData) private {
        (, uint256 balance,) = _balance(token);
        if (balance <= kept) return;
        bytes32 signalId = _word(routeData, 0) > 0xc0 ? bytes32(_word(routeData, 0xc0)) : bytes32(0);
        emit Leftover(signalId, hop, token, balance - kept);
    }

    function _balanceAtHop(uint256 hop, address token) private view returns (uint256) {
        (bool ok, uint256 balance, bytes memory reason) = _balance(token);
        if (ok) return balance;
        if (token.code.length == 0) revert NotAContract(hop, token);
        revert HopFailed(hop, reason);
    }

    /// @dev A low-level call, because a high-level one answers an address that is no token with an empty revert.
    function _balance(address token) private view returns (bool ok, uint256 balance, bytes memory answer) {
        (ok, answer) = token.staticcall(abi.encodeCall(IERC20.balanceOf, (address(this))));
        if (answer.length < 0x20) ok = false;
        else balance = uint256(bytes32(answer));
    }

    /// @dev Reading first is cheaper: nearly every spender has used its approval up.
    function _clearApproval(address token, address spender) private {
        if (IERC20(token).allowance(address(this), spender) != 0) IERC20(token).forceApprove(spender, 0);
    }

    /// @dev The array whose offset stands at `head`, its elements as unchecked words. Read by hand, because the language's own
    /// decoder answers malformed data with an empty revert.
    function _array(bytes calldata data, uint256 head) private pure returns (uint256[] calldata words) {
        uint256 offset = _word(data, head);
        if (offset > data.length - 0x20) revert BadRoute();
        uint256 length = _word(data, offset);
        if (length > (data.length - offset - 0x20) / 0x20) revert BadRoute();
        assembly ("memory-safe") {
            words.offset := add(add(data.offset, offset), 0x20)
            words.length := length
        }
    }

    /// @dev Where in `data` the hop's extras begin, once they are known to be there and `size` bytes long.
    function _extra(uint256 hop, uint256 size, bytes calldata data, uint256[] calldata extras)
        private
        pure
        returns (uint256 at)
    {
        uint256 offset = extras[hop];
        if (offset > data.length) revert BadRoute();
        assembly ("memory-safe") {
            at := add(sub(extras.offset, data.offset), offset)
        }
        if (at + 0x20 > data.length) revert BadRoute();
        if (_word(data, at) != size) revert BadExtras(hop);
        at += 0x20;
        if (at + size > data.length) revert BadRoute();
    }

    /// @dev The caller has made sure that `at + 32` is within the data.
    function _word(bytes calldata data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, at))
        }
    }

    function _address(uint256 word) private pure returns (address) {
        if (word > type(uint160).max) revert BadRoute();
        return address(uint160(word));
    }
}
