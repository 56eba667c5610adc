"""Networks with names of their own, a file each; see the course's weeks 1 to 3 on convolution.

    model = nn.models.resnet18(num_classes=10)

Where torchvision has the network, layers and parameters have its names, so that its checkpoints
load: `model.load_state_dict(tt.load("resnet18.safetensors"))`. Pictures are (N, C, H, W).
"""

from .alexnet import AlexNet
from .bert import BertForMaskedLM, BertModel, bert_state_dict
from .blocks import Conv2dNormActivation
from .efficientnet import (
    EfficientNet,
    MBConv,
    SqueezeExcitation,
    StochasticDepth,
    compound_scaling,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    efficientnet_b6,
    efficientnet_b7,
)
from .gpt import GPT, gpt2_state_dict
from .inception import GoogLeNet, Inception
from .language_model import RecurrentLanguageModel
from .lenet import LeNet5
from .mobilenet_v1 import DepthwiseSeparableConv2d, MobileNetV1
from .mobilenet_v2 import InvertedResidual, MobileNetV2
from .nin import NetworkInNetwork, mlpconv
from .resnet import (
    BasicBlock,
    Bottleneck,
    CifarResNet,
    ResNet,
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
    resnet56,
    resnet101,
    resnet110,
    resnet152,
)
from .sequence_to_sequence import (
    AdditiveAttention,
    AttentionEncoderDecoder,
    EncoderDecoder,
    RecurrentEncoder,
    TransformerEncoderDecoder,
)
from .unet import UNet
from .vgg import VGG, vgg11, vgg13, vgg16, vgg19

__all__ = [
    "AdditiveAttention",
    "AlexNet",
    "AttentionEncoderDecoder",
    "BasicBlock",
    "BertForMaskedLM",
    "BertModel",
    "Bottleneck",
    "CifarResNet",
    "Conv2dNormActivation",
    "DepthwiseSeparableConv2d",
    "EfficientNet",
    "EncoderDecoder",
    "GPT",
    "GoogLeNet",
    "Inception",
    "InvertedResidual",
    "LeNet5",
    "MBConv",
    "MobileNetV1",
    "MobileNetV2",
    "NetworkInNetwork",
    "RecurrentEncoder",
    "RecurrentLanguageModel",
    "ResNet",
    "SqueezeExcitation",
    "StochasticDepth",
    "TransformerEncoderDecoder",
    "UNet",
    "VGG",
    "bert_state_dict",
    "compound_scaling",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "gpt2_state_dict",
    "mlpconv",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnet101",
    "resnet110",
    "resnet152",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
